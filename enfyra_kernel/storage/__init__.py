"""Databases behind one Protocol: render a Plan, run it, change the physical schema."""
