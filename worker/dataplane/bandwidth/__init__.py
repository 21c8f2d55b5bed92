"""What a transport may send and desires to send, looked at about once a second."""
