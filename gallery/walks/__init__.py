"""The ways through the pages; together they show every page on which somebody stops, and every letter."""

from gallery.person import Walk
from gallery.walks import account, apps, docs, refusals, signin

WALKS: tuple[Walk, ...] = (*signin.WALKS, *account.WALKS, *apps.WALKS, *refusals.WALKS, *docs.WALKS)
