"""Two classes that Zennit's ResNet canonizer looks for; no model here has any."""


class BasicBlock:
    """No layer is one."""


class Bottleneck:
    """No layer is one."""
