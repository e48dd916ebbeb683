"""Who may speak to a Dask cluster: the holders of its certificate, since its workers run what they get."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitfront.spaces import UserError

if TYPE_CHECKING:
    from ..config import ClusterConfig

_log = logging.getLogger(__name__)
_SIDES = ("client", "worker", "scheduler")


def security_of(config: ClusterConfig) -> Any:
    """Return Dask's TLS settings of a `cluster` section.

    A scheduler that is started here gets a key and a certificate that are made for this run and known to its
    own processes alone, where the section names none: without them, every user of this machine (and of those
    that reach `cluster.host`) could have it run code with this user's rights. None leaves a scheduler that
    runs already, and Kubernetes, to Dask's own configuration.

    Raises:
        UserError: when a certificate isn't there.
    """
    from distributed import Security

    if config.tls is None:
        if config.scheduler is None and config.kind != "kubernetes":
            return Security.temporary()
        if config.scheduler is not None and not config.scheduler.startswith("tls://"):
            _log.info(
                f"Note: whoever reaches {config.scheduler} can run code on its workers and read this study: "
                "a scheduler with certificates (tls://, cluster.tls) is reached by those who have them alone."
            )
        return None
    for key in ("ca", "cert", "key"):
        if not Path(getattr(config.tls, key)).is_file():
            raise UserError(
                f"cluster.tls.{key}: there's no file {getattr(config.tls, key)}: correct the path."
            )
    sides = {f"tls_{side}_{kind}": getattr(config.tls, kind) for side in _SIDES for kind in ("cert", "key")}
    return Security(tls_ca_file=config.tls.ca, require_encryption=True, **sides)
