#!/usr/bin/env bash
# The tour of README.md and docs/tour.md as one script, for a server started with `make serve`.
set -euo pipefail
cd "$(dirname "$0")/../.."

token=
gql() { curl -sS http://127.0.0.1:4000/graphql -H 'content-type: application/json' -H "authorization: Bearer $token" -d "{\"query\": \"$1\", \"variables\": ${2:-null}}"; echo; }
field() { sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/"; }

who="{\"email\": \"joe-$RANDOM@example.com\", \"password\": \"correct horse battery staple\"}"
session=$(gql 'mutation ($email: String!, $password: String!) { signUpEmailPassword(email: $email, password: $password) { accessToken accessTokenExpiresIn user { id email } } }' "$who")
echo "$session"
token=$(echo "$session" | field accessToken)

enrolment=$(gql 'mutation { changeUserMfa { otpauthUrl totpSecret } }')
.venv/bin/qr --ascii "$(echo "$enrolment" | field otpauthUrl)"
secret=$(echo "$enrolment" | field totpSecret)
code() { .venv/bin/python -c "import pyotp; print(pyotp.TOTP('$secret').now())"; }

change=$(gql 'mutation ($code: String!) { verifyChangeUserMfa(activeMfaType: \"totp\", code: $code) { user { activeMfaType } recoveryCodes } }' "{\"code\": \"$(code)\"}")
echo "$change"

token=
answer=$(gql 'mutation ($email: String!, $password: String!) { signInEmailPassword(email: $email, password: $password) { __typename ... on Session { accessToken } ... on MfaTicket { ticket expiresIn } } }' "$who")
echo "$answer"
ticket=$(echo "$answer" | field ticket)

verify='mutation ($ticket: String!, $otp: String!) { verifySignInMfaTotp(ticket: $ticket, otp: $otp) { accessToken refreshToken user { email activeMfaType } } }'
gql "$verify" "{\"ticket\": \"$ticket\", \"otp\": \"000 000\"}"
sleep $((30 - $(date +%s) % 30))
session=$(gql "$verify" "{\"ticket\": \"$ticket\", \"otp\": \"$(code)\"}")
echo "$session"

token=$(echo "$session" | field accessToken)
gql '{ me { email displayName activeMfaType roles } }'

session=$(gql 'mutation ($old: String!) { refreshSession(refreshToken: $old) { accessToken refreshToken accessTokenExpiresIn } }' "{\"old\": \"$(echo "$session" | field refreshToken)\"}")
echo "$session"
token=$(echo "$session" | field accessToken)

gql '{ me { sessions(first: 10) { edges { node { id current createdAt lastUsedAt userAgent address } } } } }'

gql 'mutation ($name: String) { changeUser(displayName: $name) { displayName locale } }' '{"name": "Joe"}'
gql 'mutation ($old: String!, $new: String!) { changeUserPassword(currentPassword: $old, newPassword: $new) { refreshToken accessTokenExpiresIn } }' '{"old": "correct horse battery staple", "new": "wrong zebra cell tower"}'

who=$(echo "$who" | sed 's/correct horse battery staple/wrong zebra cell tower/')
ticket=$(gql 'mutation ($email: String!, $password: String!) { signInEmailPassword(email: $email, password: $password) { ... on MfaTicket { ticket } } }' "$who" | field ticket)
recovery=$(echo "$change" | sed -E 's/.*"recoveryCodes":\["([^"]*)".*/\1/')
session=$(gql 'mutation ($ticket: String!, $code: String!) { verifySignInMfaRecoveryCode(ticket: $ticket, recoveryCode: $code) { accessToken user { recoveryCodesLeft } } }' "{\"ticket\": \"$ticket\", \"code\": \"$recovery\"}")
echo "$session"
token=$(echo "$session" | field accessToken)

recovery=$(echo "$change" | sed -E 's/.*"recoveryCodes":\["[^"]*","([^"]*)".*/\1/')
gql 'mutation ($code: String) { elevate(code: $code) { accessTokenExpiresIn } }' "{\"code\": \"$recovery\"}"

gql '{ me { securityEvents(first: 3) { edges { node { type createdAt address } } pageInfo { hasNextPage endCursor } } } }'

gql 'mutation { signOut }'
gql '{ me { id } }'

gql 'mutation ($email: String!) { sendPasswordResetEmail(email: $email) }' "$who"
sleep 2
ticket=$(curl -sS http://127.0.0.1:4000/mailbox | sed -E 's/^[^}]*"ticket":"([^"]*)".*/\1/')
gql 'mutation ($ticket: String!) { resetPassword(ticket: $ticket, newPassword: \"staple battery horse correct\") }' "{\"ticket\": \"$ticket\"}"

curl -sS http://127.0.0.1:4000/.well-known/jwks.json; echo
