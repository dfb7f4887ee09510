"""What must hold, shown on the running app: each test plants what it looks for, or breaks what it relies on."""
