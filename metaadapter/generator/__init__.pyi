from .adapter_generator import AdapterGenerator as AdapterGenerator
from .closed_form import ClosedForm as ClosedForm
from .generator import Generator as Generator
from .generator import GeneratorConfig as GeneratorConfig
from .pretrained import generator_id as generator_id
from .pretrained import load_generator as load_generator
from .pretrained import save_generator as save_generator
from .pretrained import shared_generator as shared_generator
