"""Figures of single images before and after attacks."""
