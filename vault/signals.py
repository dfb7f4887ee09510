"""What the rest of the application may want to hear of."""

from django.dispatch import Signal

# The workspace's vault was unlocked or locked. Arguments: tenant_id (UUID) and lease (vault.leases.Lease or None).
# Sent in the process where it happened, once the new state can be read; after a wrong password too, with
# the lease as it was, so that it takes as long as a right one. A lease that runs out sends nothing: its
# `expires_at` was told when it began.
lease_changed = Signal()
