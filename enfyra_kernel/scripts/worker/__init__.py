"""What runs in the process of a worker; it knows neither databases nor the kernel."""
