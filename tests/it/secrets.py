#!/usr/bin/python3
"""Every kind of secret that is known, for tests of redaction.

usage: secrets.py say SECONDS		print each, cut at every place
       secrets.py pause SECONDS		print each, with one long pause inside
       secrets.py check FILE COUNT	FILE holds COUNT of each, all redacted

Each is printed in two writes with SECONDS between them.  A long pause may let
the beginning of a secret out, but never as much as eleven bytes of it.
"""

import re
import sys
import time

TWENTY = "Abcde12345fGhIj67890"
KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ"

# name: what is kept in front, the secret, what is kept behind
SECRETS = {
    "pem": ("-----BEGIN RSA PRIVATE KEY-----",
            "\n%s\n%s\n-----END RSA PRIVATE KEY-----" % (KEY, KEY), "\n"),
    "bearer": ("Authorization: Bearer ", TWENTY + ".x-y_z~+/=", "\n"),
    "basic": ("authorization: basic ", "dXNlcjpwYXNzd29yZA==", "\n"),
    "cookie": ("Cookie: ", "session=%s; other=1" % TWENTY, "\n"),
    "set-cookie": ("Set-Cookie: ", "id=%s; Path=/" % TWENTY, "\n"),
    "openai": ("OPENAI_API_KEY=", "qwertzuiopasdfghjkl", "\n"),
    "anthropic": ("ANTHROPIC_API_KEY = \"", "yxcvbnm asdfghjkl", "\"\n"),
    "github token": ("GITHUB_TOKEN='", "poiuztrewqlkjhgfdsa", "'\n"),
    "gh": ("export GH_TOKEN=", "mnbvcxyqwertzuiop", "\n"),
    "api key": ("api-key: ", "asdfgqwertyxcvb", "\n"),
    "access": ("access_token=", "lkjhgfdsamnbvcxy", " x\n"),
    "refresh": ("refreshToken: ", "qayxswedcvfrtgb", ",\n"),
    "auth": ("auth_token=", "zhnujmikolpqaws", "\n"),
    "secret": ("secret: ", "edcrfvtgbzhnujm", "\n"),
    "password": ("password=", "wsxedcrfvtgbzhn", "\n"),
    "private key": ("PRIVATE_KEY=", "tgbzhnujmikolpq", "\n"),
    "json": ("{\"password\": \"", "rfvtgb zhnujm ik", "\"}\n"),
    "sk-ant": ("sk-ant-", "api03-%s_-" % TWENTY, "\n"),
    "sk": ("sk-", TWENTY + TWENTY, "\n"),
    "ghp": ("ghp_", TWENTY + "pP", " \n"),
    "gho": ("gho_", TWENTY + "oO", " \n"),
    "ghu": ("ghu_", TWENTY + "uU", " \n"),
    "ghs": ("ghs_", TWENTY + "sS", " \n"),
    "ghr": ("ghr_", TWENTY + "rR", " \n"),
    "github_pat": ("github_pat_", TWENTY + "_" + TWENTY, "\n"),
    "url": ("see https://", "private-gateway.example/x?y", " ok\n"),
    "query": ("GET /x?token=", "okmijnuhbzgvtfc", "&b=1\n"),
    "owner's": ("id ", "corp-90817263", "\n"),
}

# Where a pause is longest: before the last byte but one.
LEAKS = {"url", "owner's"}


def say(seconds, cuts):
    """Print every secret in two writes, cut where cuts says."""
    for kept, secret, behind in SECRETS.values():
        whole = kept + secret + behind
        for cut in cuts(kept, secret):
            for part in (whole[:cut], whole[cut:]):
                sys.stdout.write(part)
                sys.stdout.flush()
                time.sleep(seconds)


def every(kept, secret):
    """All places, from before the secret to behind it."""
    return range(1, len(kept) + len(secret) + 1)


def one(kept, secret):
    """Almost at the end."""
    return [len(kept) + len(secret) - 2]


def check(path, count):
    """Exit 1 and say so when anything is not as it must be."""
    with open(path, encoding="utf-8", newline="") as f:
        text = f.read().replace("\r\n", "\n")
    bad = []
    for name, (kept, secret, behind) in SECRETS.items():
        wanted = len(kept) + len(secret) if count == "every" else 1
        found = text.count(kept + "[REDACTED]" + behind)
        if count == "every" and found < wanted:
            bad.append("%s: %d of %d" % (name, found, wanted))
        if secret in text:
            bad.append("%s: in clear" % name)
        if name in LEAKS:
            continue
        for part in re.findall(r"[^\s]{12,}", secret):
            for at in range(len(part) - 11):
                if part[at:at + 12] in text:
                    bad.append("%s: %s" % (name, part[at:at + 12]))
                    break
    print("\n".join(bad))
    return 1 if bad else 0


def main():
    """Do what the first argument says."""
    verb = sys.argv[1]
    if verb == "check":
        return check(sys.argv[2], sys.argv[3])
    say(float(sys.argv[2]), every if verb == "say" else one)
    return 0


sys.exit(main())
