"""The mesh's root of trust, and the CA of each cluster below it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_command import local

from components.scripts import script
from settings import CaSettings, Settings

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)
_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----.+?-----END (?:[A-Z]+ )?PRIVATE KEY-----\n?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class TrustArgs:
    """Who signs."""

    clusters: Sequence[str]
    """Clusters that get a CA of their own."""
    own: CaSettings | None
    """The user's own CA: the signing certificate, then its chain up to the root. None: the first of ``roots`` signs."""
    roots: Sequence[str]
    """Roots that are made, by name; all of them are trusted."""
    trusted: str
    """Further roots that are trusted, in PEM."""

    @classmethod
    def of(cls, settings: Settings) -> TrustArgs:
        """Those of a config."""
        return cls(
            clusters=list(settings.clusters),
            own=settings.ca,
            roots=settings.made_roots(),
            trusted=settings.ca_trusted or "",
        )


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A cluster's CA, in the files that Istio calls ``cacerts``. All PEM; the key is secret."""

    certificate: pulumi.Output[str]
    key: pulumi.Output[str]
    chain: pulumi.Output[str]
    root: pulumi.Output[str]
    """Every root that is trusted, the one that signs first."""

    @property
    def digest(self) -> pulumi.Output[str]:
        """Changes when anything of it does, and tells nothing about the key."""
        made = pulumi.Output.all(self.certificate, self.chain, self.root)
        return pulumi.Output.unsecret(made.apply(lambda pems: hashlib.sha256("".join(pems).encode()).hexdigest()[:16]))

    @property
    def ca_bundle(self) -> pulumi.Output[str]:
        """``root`` as a webhook of Kubernetes has it; no secret, since the API server shows it to whoever asks."""
        return pulumi.Output.unsecret(self.root.apply(lambda pem: base64.b64encode(pem.encode()).decode()))


class Trust(pulumi.ComponentResource):
    """One root for the mesh and an intermediate CA for each cluster, as Istio's "Plug in CA Certificates" has it.

    Private keys are made by commands whose output is secret: they are in the encrypted state and in the clusters, and
    nowhere else. A change of the root goes as in Istio's security/cacert_rotation: the new root is trusted beside the
    old one, then it signs, then the old one goes; each is one edit of the config.
    """

    authorities: dict[str, Authority]

    def __init__(self, name: str, args: TrustArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Trust", name, None, opts)
        made = [self._make(_resource(name, root), "ca-root.sh", _subject(name, root)) for root in args.roots]
        if args.own:
            signer = pulumi.Output.secret(f"{args.own.key.get_secret_value()}\n{args.own.certificate}")
        else:
            signer, *made = made
        roots = pulumi.Output.all(signer, *made).apply(lambda pems: _roots([*pems, args.trusted]))
        self.authorities = {
            cluster: self._authority(
                self._make(f"{name}-{cluster}", "ca-intermediate.sh", cluster, signer), signer, roots
            )
            for cluster in args.clusters
        }
        self.register_outputs({})

    def _make(self, name: str, text: str, subject: str, signer: pulumi.Output[str] | None = None) -> pulumi.Output[str]:
        command = local.Command(
            name,
            create=script(text),
            environment={"SUBJECT": subject},
            stdin=signer,
            logging=local.Logging.NONE,
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["stdout"]),
        )
        return pulumi.Output.secret(command.stdout)

    def _authority(self, made: pulumi.Output[str], signer: pulumi.Output[str], roots: pulumi.Output[str]) -> Authority:
        return Authority(
            certificate=made.apply(lambda pem: _certificates(pem)[0]),
            key=made.apply(lambda pem: _match(_KEY, pem)),
            chain=pulumi.Output.all(made, signer).apply(lambda pems: "".join(_certificates("\n".join(pems)))),
            root=roots,
        )


def _resource(name: str, root: str) -> str:
    # A cluster may have the name of a root, but be called neither `root` nor `root-` and the name of a root: its CA is
    # `<name>-<cluster>`.
    return f"{name}-root" if root == "root" else f"{name}-root-{root}"


def _subject(name: str, root: str) -> str:
    return name if root == "root" else f"{name} {root}"


def _roots(pems: Sequence[str]) -> str:
    """The root of each signer, and further ones; each once, since the same may be in two places during a change."""
    *signers, trusted = pems
    return "".join(dict.fromkeys([*(_certificates(pem)[-1] for pem in signers), *_certificates(trusted)]))


def _certificates(pem: str) -> list[str]:
    return [match.group().rstrip("\n") + "\n" for match in _CERTIFICATE.finditer(pem)]


def _match(pattern: re.Pattern[str], pem: str) -> str:
    found = pattern.search(pem)
    assert found, "openssl printed no private key"
    return found.group()
