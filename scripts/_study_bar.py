"""Progress of a study: one part after another on one line."""

from tqdm import tqdm


class Bar:
    """Progress of one part of the study after another."""

    def __init__(self) -> None:
        self._bar = tqdm(disable=None, unit="step", dynamic_ncols=True)
        self._name = ""

    def __call__(self, name: str, step: int, steps: int) -> None:
        if self._name != name:
            self._name = name
            self._bar.reset(total=steps)
            self._bar.set_description(name)
        self._bar.total = steps
        self._bar.update(step - self._bar.n)

    def close(self) -> None:
        self._bar.close()
