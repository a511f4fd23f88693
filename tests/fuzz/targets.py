"""All readers, by name."""

from tests.fuzz import asked, images, texts

TARGETS = {one.name: one for one in (*images.TARGETS, *texts.TARGETS, *asked.TARGETS)}
