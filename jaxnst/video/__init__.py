"""Clips: painted frame after frame, steadily."""
