"""Every way to make a student: one file each."""
