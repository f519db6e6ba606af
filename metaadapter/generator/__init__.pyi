from .adapter_generator import AdapterGenerator as AdapterGenerator
from .adapter_generator import generator_id as generator_id
from .adapter_generator import save_generator as save_generator
from .generator import Generator as Generator
from .generator import GeneratorConfig as GeneratorConfig
from .pretrained import load_generator as load_generator
from .pretrained import shared_generator as shared_generator
from .ridge.closed_form import ClosedForm as ClosedForm
