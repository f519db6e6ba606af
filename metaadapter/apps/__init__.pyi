from .advice.advise import advise as advise
from .advice.kinds import Advice as Advice
from .library.entry import Entry as Entry
from .library.library import AdapterLibrary as AdapterLibrary
