"""Decodes a file. The encoding is known by its byte order mark, else it is UTF-8; nothing is guessed."""

import codecs
import io
from collections.abc import Iterable, Iterator

from catalog.domain.imports.refusals import Unreadable

BOM = "\ufeff"
HEAD = 8
"""Bytes that tell the encoding or the kind of a file."""

MARKS = [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]

KINDS = {
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed by gzip",
}
SAVE_AS = "Save it as CSV in UTF-8: in Excel as `CSV UTF-8`, in LibreOffice and Google Sheets as CSV (UTF-8)."

LONGEST_LINE = 1024 * 1024


def encoding_of(head: bytes) -> str:
    """Return the encoding that the first bytes name. Raises Unreadable for a file that is no text."""
    for start, kind in KINDS.items():
        if head.startswith(start):
            raise Unreadable(f"is {kind}", SAVE_AS)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise Unreadable("is encoded in UTF-32", SAVE_AS)
    found = next((name for mark, name in MARKS if head.startswith(mark)), None)
    if found is None and b"\x00" in head:
        raise Unreadable("contains the character NUL in line 1, as UTF-16 without a byte order mark does", SAVE_AS)
    return found or "utf-8"


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of the file, each with LF at its end. Raises Unreadable with the position of the first fault."""
    rest, number = "", 0
    for text in _texts(chunks):
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            number += 1
            yield _checked(line, number) + "\n"
        _checked(rest, number + 1)
    if rest:
        yield rest


def _checked(line: str, number: int) -> str:
    if len(line) > LONGEST_LINE:
        raise Unreadable(f"has more than {LONGEST_LINE} characters in line {number}", "Is this a CSV file? " + SAVE_AS)
    if "\x00" in line:
        raise Unreadable(f"contains the character NUL in line {number}", SAVE_AS)
    return line


def _texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the decoded text of the file, without its byte order mark."""
    at = line = 0
    decoder: io.IncrementalNewlineDecoder | None = None
    for chunk in _head_first(chunks):
        if decoder is None:
            encoding = encoding_of(chunk)
            decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
        text = _decoded(decoder, encoding, chunk, at, line, final=False)
        at, line = at + len(chunk), line + text.count("\n")
        yield text.removeprefix(BOM) if at == len(chunk) else text
    if decoder is not None:
        yield _decoded(decoder, encoding, b"", at, line, final=True)


def _decoded(
    decoder: io.IncrementalNewlineDecoder, encoding: str, chunk: bytes, at: int, line: int, *, final: bool
) -> str:
    try:
        return decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        before = at - (len(error.object) - len(chunk))  # the decoder puts bytes that it kept before the chunk
        line += error.object[: error.start].decode(encoding, "ignore").count("\n") + 1
        problem = f"is not {encoding.upper()} at byte {before + error.start}, in line {line}"
        raise Unreadable(problem, SAVE_AS) from None


def _head_first(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the chunks, the first of them with at least the bytes that tell the encoding."""
    head = b""
    started = False
    for chunk in chunks:
        if started:
            yield chunk
            continue
        head += chunk
        if len(head) >= HEAD:
            started = True
            yield head
    if not started and head:
        yield head
