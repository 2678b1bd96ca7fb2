"""Money: nothing is paid twice, nothing paid for is lost, nothing is spent past a cap."""
