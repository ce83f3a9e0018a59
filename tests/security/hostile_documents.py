"""Documents and variables of the maximum size, each hostile in another way."""

import json

LENGTH = 16_000
"""Characters, just below the limit for a document."""


def documents() -> dict[str, str]:
    """Return hostile documents within the length limit, by kind."""
    return {
        "spaces": " " * LENGTH + "{a}",
        "commas": "," * LENGTH + "{a}",
        "line breaks": "\r\n" * (LENGTH // 2) + "{a}",
        "byte order marks": "\ufeff" * LENGTH + "{a}",
        "comments": "#\n" * (LENGTH // 2) + "{a}",
        "one comment": "#" + "x" * LENGTH + "\n{a}",
        "a string": '{a(b:"' + "x" * LENGTH + '")}',
        "escapes": '{a(b:"' + "\\n" * (LENGTH // 2) + '")}',
        "code points": '{a(b:"' + "\\u{1F600}" * (LENGTH // 9) + '")}',
        "a string without an end": '{a(b:"' + "x" * LENGTH,
        "a block string": '{a(b:"""' + " \n" * (LENGTH // 2) + 'x""")}',
        "lines of a block string": '{a(b:"""' + "\n" * LENGTH + '""")}',
        "escapes of a block string": '{a(b:"""' + '\\"""' * (LENGTH // 4) + '""")}',
        "digits": "{me{securityEvents(first:" + "1" * LENGTH + "){edges{cursor}}}}",
        "decimals": "{a(b:1." + "1" * LENGTH + ")}",
        "an exponent": "{a(b:1e" + "1" * LENGTH + ")}",
        "a name": "{" + "a" * LENGTH + "}",
        "names": "{" + ("a" * 150 + " ") * 100 + "}",
        "near names": "{me{" + " ".join(f"emai{n}" for n in range(370)) + "}}",
        "fields within fields": "{a" * 330 + "}" * 330,
        "braces": "{" * LENGTH,
        "lists within lists": "{a(b:" + "[" * 480 + "]" * 480 + ")}",
        "objects within objects": "{a(b:" + "{c:" * 240 + "1" + "}" * 240 + ")}",
        "a list": "query($a:[Int]=[" + "1 " * 900 + "]){__typename}",
        "an object": "{me(a:{" + " ".join(f"a{n}:1" for n in range(320)) + "}){id}}",
        "unknown fields": "{" + " ".join(f"nope{n}" for n in range(390)) + "}",
        "equal fields": "{me{" + "id " * 370 + "}}",
        "few equal fields each": "{me{" + "id email locale roles " * 25 + "}}",
        "conflicting aliases": "{me{" + "a:id a:email " * 15 + "id " * 50 + "}}",
        "conflicts within conflicts": "{" + "a:me{b:id} a:me{b:email} " * 7 + "}",
        "conflicting arguments": "{me{"
        + " ".join(f"securityEvents(first:{n}){{edges{{cursor}}}}" for n in range(18))
        + "}}",
        "arguments of equal fields": "{" + f"me(a:[{'1 ' * 20}]){{id}} " * 20 + "}",
        "repeated arguments": "{me(" + "a:1 " * 320 + "){id}}",
        "operations": " ".join(f"query A{n}{{__typename}}" for n in range(190)),
        "as many operations as are read": " ".join(f"query A{n}($a:Int){{...F}}" for n in range(39))
        + " fragment F on Query{__typename}",
        "operations of one name": "query A{__typename}" * 40,
        "variables": "query(" + " ".join(f"$a{n}:Int" for n in range(240)) + "){__typename}",
        "one variable often": "query(" + "$a:Int " * 240 + "){__typename}",
        "defaults": "query(" + " ".join(f"$a{n}:Int=1" for n in range(160)) + "){__typename}",
        "directives": "{__typename " + "@include(if:true)" * 140 + "}",
        "unknown directives": "{__typename " + "@a " * 480 + "}",
        "an unused fragment": "{__typename} fragment F on User{" + "id " * 180 + "}",
        "unused fragments": "{__typename}"
        + " ".join(f"fragment F{n} on User{{id}}" for n in range(100)),
        "a chain of fragments": "{me{...F0}}"
        + " ".join(f"fragment F{n} on User{{...F{n + 1}}}" for n in range(38))
        + "fragment F38 on User{id}",
        "a circle of fragments": "{me{...F0}}"
        + " ".join(f"fragment F{n} on User{{...F{(n + 1) % 39} id}}" for n in range(39)),
        "fragments beside each other": "{me{"
        + " ".join(f"...F{n}" for n in range(39))
        + "}}"
        + " ".join(f"fragment F{n} on User{{id email locale}}" for n in range(39)),
        "every fragment in every fragment": "{me{...F0}}"
        + " ".join(
            f"fragment F{n} on User{{{' '.join(f'...F{m}' for m in range(n + 1, 22))} id}}"
            for n in range(22)
        ),
        "inline fragments": "{" + "... on Query{" * 150 + "__typename" + "}" * 150 + "}",
        "types often": "{" + '__type(name:"User"){fields{name}} ' * 45 + "}",
        "aliases of lists": "{__schema{types{"
        + " ".join(f"a{n}:fields{{name}}" for n in range(29))
        + "}}}",
        "aliases of the schema": "{"
        + " ".join(f"a{n}:__schema{{types{{name}}}}" for n in range(30))
        + "}",
        "aliases of a type": "{"
        + " ".join(f'a{n}:__type(name:"Mutation"){{fields{{args{{name}}}}}}' for n in range(29))
        + "}",
        "values of an enumeration": "{"
        + " ".join(f'a{n}:__type(name:"ErrorCode"){{enumValues{{name}}}}' for n in range(29))
        + "}",
        "introspection of introspection": "{__schema{types{"
        + "fields{type{" * 6
        + "name"
        + "}}" * 6
        + "}}}",
    }


def variables() -> dict[str, tuple[str, str]]:
    """Return documents with hostile JSON for their variables, by kind."""
    page = "query($a:Int){me{securityEvents(first:$a){edges{cursor}}}}"
    many = "query(" + " ".join(f"$a{n}:Int" for n in range(200)) + "){me{"
    many += " ".join(f"b{n}:securityEvents(first:$a{n}){{__typename}}" for n in range(15)) + "}}"
    lists = "query($a:[[Int]]=[[1]]){__typename}"
    return {
        "lists within lists": (page, '{"a":' + "[" * 30_000 + "]" * 30_000 + "}"),
        "objects within objects": (page, '{"a":' * 10_000 + "1" + "}" * 10_000),
        "unknown names": (page, json.dumps({f"x{n}": 1 for n in range(5000)})),
        "wrong values in a list": (lists, json.dumps({"a": [["x"] * 12_000]})),
        "a wrong value for a number": (page, json.dumps({"a": "x" * 60_000})),
        "a list for a number": (page, json.dumps({"a": ["x"] * 12_000})),
        "an object for a number": (page, json.dumps({"a": {f"x{n}": 1 for n in range(5000)}})),
        "wrong values": (many, json.dumps({f"a{n}": "x" * 250 for n in range(200)})),
        "digits": (page, '{"a":' + "1" * 60_000 + "}"),
        "digits that are read": (page, '{"a":' + "1" * 4_000 + "}"),
        "decimals": (page, '{"a":1.' + "1" * 60_000 + "}"),
        "an exponent": (page, '{"a":1e' + "9" * 60_000 + "}"),
        "numbers": (page, '{"a":[' + "1," * 30_000 + "1]}"),
        "empty objects": (page, '{"a":[' + "{}," * 20_000 + "{}]}"),
        "one name often": (page, "{" + '"a":1,' * 10_000 + '"a":1}'),
        "halves of surrogate pairs": (page, '{"a":"' + "\\ud800" * 10_000 + '"}'),
    }
