"""The arguments that several operations have."""

from typing import Annotated

import strawberry

CREDENTIAL = "credential"


def argument(description: str) -> object:
    """Describe an argument."""
    return strawberry.argument(description=description)


def credential(description: str) -> object:
    """Declare an argument with a guessable secret: an operation may have one such field."""
    return strawberry.argument(description=description, metadata={CREDENTIAL: True})


Email = Annotated[
    str,
    argument("The e-mail address. White space around it and upper case make no difference."),
]
Password = Annotated[
    str,
    credential("The password, taken exactly as sent; at most 1024 bytes of UTF-8."),
]
NewPassword = Annotated[
    str,
    credential(
        "The new password, taken exactly as sent: at least as many characters as the operator "
        "asks for (8 by default), and at most 1024 bytes of UTF-8. Common passwords are refused."
    ),
]
DisplayName = Annotated[
    str | None,
    argument("The name to show, at most 100 characters; an empty one is the e-mail address."),
]
NewDisplayName = Annotated[
    str | None,
    argument("The name to show, if this makes an account; the e-mail address without one."),
]
Code = Annotated[
    str,
    credential(
        "The six digits that the authenticator app shows now, in any script; spaces and dashes do "
        "not matter."
    ),
]
RedirectTo = Annotated[
    str | None,
    argument(
        "Where the link leads in the end: the front end, unless you name another address that "
        "the operator allows."
    ),
]
CredentialJson = Annotated[
    str,
    credential("What the browser answers, as JSON: `JSON.stringify(credential)`."),
]
Nickname = Annotated[
    str | None,
    argument('What the user calls it, at most 100 characters; "Passkey" without one.'),
]
TrustDevice = Annotated[
    bool | None,
    argument(
        "Whether the user trusts this browser: `Session.deviceToken` then stands for the second "
        "factor when they sign in here again. Ask them; never assume it."
    ),
]
MailedTicket = Annotated[
    str, credential("The `ticket` in the address of the link that was sent by mail.")
]
Ticket = Annotated[str, credential("The `ticket` of an `MfaTicket`.")]
