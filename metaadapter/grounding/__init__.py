"""Where in pictures a phrase is, from frozen tokens and a small adapter between them."""

from metaadapter.grounding.class_examples import ClassExamples as ClassExamples
from metaadapter.grounding.class_examples import class_examples as class_examples
from metaadapter.grounding.cross_modal import CrossModalAdapter as CrossModalAdapter
from metaadapter.grounding.cross_modal import CrossModalConfig as CrossModalConfig
from metaadapter.grounding.ground import Found as Found
from metaadapter.grounding.ground import ground as ground
from metaadapter.grounding.overlay import overlay as overlay
from metaadapter.grounding.phrase_tokens import phrase_pieces as phrase_pieces
from metaadapter.grounding.pretrained import load_cross_modal as load_cross_modal
from metaadapter.grounding.pretrained import save_cross_modal as save_cross_modal
from metaadapter.grounding.pretrained import shipped_for as shipped_for
