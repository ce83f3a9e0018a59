"""What operators may see and do, whoever they are: the command line, the admin schema, scripts.

`authority` decides who is an operator. Each act records an event with the operator and the reason,
and tells the user by a notice.
"""
