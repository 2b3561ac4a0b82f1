"""Pictures from files, inside of the page."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageSequence, UnidentifiedImageError

from jaxmem.analysis.page.document import Html, element

_TYPES = {"PNG": "image/png", "GIF": "image/gif"}
# In pixels of the page: narrower pictures are shown enlarged, wider ones scroll where the screen is narrow.
_SMALL, _WIDE = 320, 640


class DamagedPicture(ValueError):
    """A file that is no whole PNG or GIF; the message says why."""


@dataclass(frozen=True)
class Picture:
    """A PNG or GIF, checked.

    Attributes:
        name: of its file.
        kind: its media type.
        content: the file.
        width, height: in pixels.
        still: the first frame of an animation as PNG, for readers who want nothing to move; None of a picture.
    """

    name: str
    kind: str
    content: bytes
    width: int
    height: int
    still: bytes | None

    @staticmethod
    def read(path: Path) -> "Picture":
        """Read a file to its last frame; raises `DamagedPicture` if a browser could not show it."""
        try:
            content = path.read_bytes()
            with Image.open(io.BytesIO(content), formats=list(_TYPES)) as image:
                for frame in ImageSequence.Iterator(image):
                    frame.load()
                moves = getattr(image, "n_frames", 1) > 1
                image.seek(0)
                still = _png(image) if moves else None
                return Picture(path.name, _TYPES[image.format or ""], content, *image.size, still)
        except UnidentifiedImageError as error:
            raise DamagedPicture("it is no PNG or GIF") from error
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise DamagedPicture(str(error) or type(error).__name__) from error

    def figure(self, alt: str, caption: str) -> Html:
        """The picture with what it shows in words."""
        scale = max(1, _SMALL // self.width)
        image = element(
            "img",
            src=_data(self.kind, self.content),
            alt=alt,
            width=scale * self.width,
            height=scale * self.height,
            class_="pixels" if scale > 1 else None,
        )
        if self.still is not None:
            calm = element("source", media="(prefers-reduced-motion: reduce)", srcset=_data("image/png", self.still))
            image = element("picture", calm, image)
        wide = self.width > _WIDE
        if wide:
            image = element("div", image, class_="scroll", tabindex=0, role="region", aria_label=caption)
        return element("figure", image, element("figcaption", caption), class_="wide" if wide else None)


def _png(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.convert("RGB").save(written, "PNG")
    return written.getvalue()


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
