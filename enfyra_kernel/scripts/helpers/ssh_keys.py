"""Pairs of keys for SSH."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from msgspec import Meta


class SshKeyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What pair to make.

    Attributes:
        bits: The length of an RSA key.
        comment: Stands behind the public key.
    """

    type: Literal["ed25519", "rsa"] = "ed25519"
    bits: Literal[2048, 3072, 4096] = 3072
    comment: Annotated[str, Meta(max_length=200, pattern=r"^[ -~]*$")] = ""


async def generate_ssh_key_pair(options: SshKeyOptions) -> dict[str, str]:
    """Make a pair, each key in the form of OpenSSH.

    Example:
        >>> asyncio.run(generate_ssh_key_pair(SshKeyOptions(comment="ci")))["publicKey"]
        'ssh-ed25519 AAAA... ci'
    """
    return await asyncio.to_thread(_generate, options)


def _generate(options: SshKeyOptions) -> dict[str, str]:
    if options.type == "rsa":
        private = rsa.generate_private_key(public_exponent=65537, key_size=options.bits)
    else:
        private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return {
        "publicKey": f"{public.decode()} {options.comment}".rstrip(),
        "privateKey": secret.decode(),
    }
