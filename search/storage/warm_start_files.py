"""Names of the files in a study's folder that hold what its search began with; each belongs to the study's
space.
"""

MADE_AGAIN = "delete it, and it is made again"
"""What to do where one is damaged."""
SCREENED_FILE = "scouted.json"
"""Candidates that screening chose."""
GREEDY_FILE = "descended.json"
"""What greedy width reduction rounded, from which the rest of screening continues."""
ROUNDED_FILE = "rounded.json"
"""All that were rounded, with score and cost: what the `surrogate` sampler learns from."""
FIRST_FILE = "gradient_first.npz"
"""Candidates of the gradient width search's first part, with their weights."""
GRADIENT_FILE = "gradient.npz"
"""Candidates of the whole gradient width search, with their weights."""
INCOMING_FILE = "incoming.json"
"""Parameters of the candidate that a quantized model already is."""
UNIFORM_FILE = "uniform.npz"
"""Trained uniform candidates, with their weights."""
WALKS = 8
"""Gradient width searches of a study, at most: further ones use the time that is left."""
AGAIN_FILES = {number: f"gradient_{number}.npz" for number in range(2, WALKS + 1)}
"""Candidates of a further gradient width search, by its number, with their weights."""
FILES = (
    SCREENED_FILE,
    GREEDY_FILE,
    ROUNDED_FILE,
    FIRST_FILE,
    GRADIENT_FILE,
    *AGAIN_FILES.values(),
    UNIFORM_FILE,
    INCOMING_FILE,
)
"""All of them."""
