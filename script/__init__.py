"""What the demo does once the machine is set up."""
