"""What holds of the calls that a simulated process can make of Windows."""
