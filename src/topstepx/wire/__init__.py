"""The gateway's dialect: what it says and accepts, exactly."""
