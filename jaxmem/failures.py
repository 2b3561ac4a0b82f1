"""What failed, on one line."""

# What JAX raises for the machine's limits and the user's settings of it.
_KNOWN = {
    "RESOURCE_EXHAUSTED": "out of device memory",
    "Unable to initialize backend": "JAX cannot use the device that JAX_PLATFORMS asks for",
}


def known_failure(error: Exception) -> str | None:
    """What an error of JAX means to a user, and its first line; None for all that are not known to be the machine's."""
    for sign, meaning in _KNOWN.items():
        if sign in str(error):
            return f"{meaning}: {str(error).splitlines()[0]}"
    return None


def reason(error: Exception) -> str:
    """Type and message of any error."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
