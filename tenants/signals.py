"""What the rest of the application may want to hear of."""

from django.dispatch import Signal

# A person's or a key's right to a tenant changed: membership removed, role changed, key revoked, signed out, password
# changed. Arguments: tenant_id (UUID, or None for all of the person's tenants) and user_id (int). Sent after commit,
# in the process where it happened; sockets in other processes ask `access.for_socket` again every few seconds.
access_changed = Signal()
