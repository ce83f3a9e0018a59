"""The whole story of the second factor, as a user experiences it, over HTTP."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support import PASSWORD, Authenticator, Client, RefusedError, label_of, read_qr_code


def test_a_second_factor_from_sign_up_to_turning_it_off(client: Client) -> None:
    email = "joe@example.com"

    signed_up = client.sign_up("  Joe@Example.com ")
    assert signed_up["user"]["activeMfaType"] is None
    assert client.call("me")["email"] == email

    enrolment = client.call("changeUserMfa")
    url = read_qr_code(enrolment["imageUrl"])
    assert url == enrolment["otpauthUrl"]
    assert urlsplit(url).scheme == "otpauth"
    assert urlsplit(url).netloc == "totp"
    assert label_of(url) == f"Postern:{email}"
    assert parse_qs(urlsplit(url).query) == {
        "secret": [enrolment["totpSecret"]],
        "issuer": ["Postern"],
    }
    phone = Authenticator.scan(enrolment["imageUrl"])

    change = client.call("verifyChangeUserMfa", activeMfaType="totp", code=phone.next_code())
    assert change["user"] == {"id": signed_up["user"]["id"], "activeMfaType": "totp"}
    assert len(set(change["recoveryCodes"])) == 10

    client.access_token = None
    ticket = client.ticket(email)
    with pytest.raises(RefusedError) as wrong:
        client.call("verifySignInMfaTotp", ticket=ticket, otp=phone.wrong_code())
    assert wrong.value.code == "INVALID_TOTP"
    assert wrong.value.extensions["attemptsLeft"] == 4

    code = phone.next_code()
    session = client.call("verifySignInMfaTotp", ticket=ticket, otp=f"{code[:3]} {code[3:]}")
    user = session["user"]
    assert (user["id"], user["activeMfaType"]) == (signed_up["user"]["id"], "totp")
    assert session["accessTokenExpiresIn"] == 900

    with pytest.raises(RefusedError) as redeemed:
        client.call("verifySignInMfaTotp", ticket=ticket, otp=code)
    assert redeemed.value.code == "INVALID_TICKET"
    with pytest.raises(RefusedError) as replayed:
        client.call("verifySignInMfaTotp", ticket=client.ticket(email), otp=code)
    assert replayed.value.code == "INVALID_TOTP"

    client.access_token = session["accessToken"]
    assert client.call("me")["activeMfaType"] == "totp"
    with pytest.raises(RefusedError) as again:
        client.call("changeUserMfa")
    assert again.value.code == "TOTP_ALREADY_ACTIVE"

    change = client.call("verifyChangeUserMfa", activeMfaType="", code=phone.next_code())
    assert change["user"]["activeMfaType"] is None
    client.access_token = None
    answer = client.call("signInEmailPassword", email=email, password=PASSWORD)
    assert answer["__typename"] == "Session"
