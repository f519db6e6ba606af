from .advice.advise import advise as advise
from .advice.kinds import Advice as Advice
from .library.entry import Entry as Entry
from .library.index import IndexedEntry as IndexedEntry
from .library.index import SignatureIndex as SignatureIndex
from .library.index import SignatureStack as SignatureStack
from .library.library import AdapterLibrary as AdapterLibrary
