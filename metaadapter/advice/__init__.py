"""What a user's labelled pictures lack, and what looks wrong about them."""

from metaadapter.advice.advice import Advice as Advice
from metaadapter.advice.advise import advise as advise
