"""A Croissant 1.1 description of a data set: which files there are and how to read records from them."""

from collections.abc import Iterable
from typing import Any

from feira.core.datasets.canonical import canonical_json
from feira.core.datasets.dataset import Description, Summary
from feira.core.datasets.layout import METADATA, PREDICTIONS
from feira.core.datasets.written import FileFacts

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_MEDIA = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "json": "application/json",
    "jsonl": "application/jsonlines",
    "parquet": "application/x-parquet",
    "tar": "application/x-tar",
    "npy": "application/octet-stream",
    "txt": "text/plain",
}
# What readers of Croissant turn into pixels today; photos in other formats are described, but not as pictures.
_PICTURES = ("jpg", "png")
_TEXTS = (
    ("key", "names the photo in every file of the data set"),
    ("listing", "what the photo was offered with"),
    ("seller", "a pseudonym: photos of one seller share it"),
    ("title", "of the listing, as the seller wrote it"),
    ("description", "of the listing, as the seller wrote it"),
    ("category", "slugs from the root of the tree of goods"),
    ("label", "what a model shall learn"),
    ("split", "train, validation, test or another side"),
    ("currency", "ISO 4217"),
    ("published_at", "when the listing went live, in UTC"),
    ("photo_sha256", "of the original photo: copies of a photo share it"),
)
_WHOLES = (("price_minor", "price in the smallest unit of the currency"), ("position", "place on the listing, from 0"))


def croissant_json(description: Description, summary: Summary, kind: str, files: Iterable[FileFacts]) -> bytes:
    """Return the document; every RecordSet in it loads with mlcroissant from the folder it stands in.

    `photos` has the facts of each photo; `predictions` what models said; `images` (loose files) and `table` (Parquet)
    have the pictures with their keys.

    Args:
        kind: of the data set, as in `closing.Format`.
        files: `metadata.json`, `predictions.jsonl` if there is one, and all shards or tables.
    """
    distribution = [_file_object(file) for file in files]
    sets = [_photos()]
    if any(each["@id"] == PREDICTIONS for each in distribution):
        sets.append(_predictions())
    if kind in ("files", "imagefolder"):
        found = [ending for ending in summary.endings if ending in _PICTURES]
        folders = {"files": ("images/", "augmentation/"), "imagefolder": ("",)}[kind]
        distribution += [_file_set(f"{ending}-files", f"{ending}", folders) for ending in found]
        sets += [_images(f"{ending}-files", f"images-{ending}" if len(found) > 1 else "images") for ending in found]
    if kind == "parquet":
        distribution.append(
            {"@type": "cr:FileSet", "@id": "tables", "name": "tables"}
            | {"encodingFormat": _MEDIA["parquet"], "includes": "data/*.parquet"}
        )
        sets.append(_table())
    return canonical_json(_head(description, summary) | {"distribution": distribution, "recordSet": sets}) + b"\n"


def _head(description: Description, summary: Summary) -> dict[str, Any]:
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": description.name,
        "description": f"{description.title}. {description.about} {description.licence_note}",
        "license": description.licence,
        "url": f"urn:sha256:{description.content_hash}",
        "version": f"1.0.0+{description.content_hash[:12]}",
        # The day of the newest listing: a day of writing would make other bytes of the same data.
        "datePublished": (summary.newest or "1970-01-01")[:10],
        "citeAs": f"{description.title} (sha256:{description.content_hash})",
        "creator": {"@type": "Organization", "name": "Feira"},
        "keywords": ["marketplace", "product photos"],
        "isLiveDataset": False,
    }


def _file_object(file: FileFacts) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": _MEDIA.get(file.path.rpartition(".")[2], "application/octet-stream"),
        "sha256": file.sha256,
    }


def _file_set(name: str, ending: str, folders: Iterable[str]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "encodingFormat": _MEDIA[ending],
        "includes": [f"{folder}*.{ending}" for folder in folders],
    }


def _record_set(name: str, about: str, fields: list[dict[str, Any]], key: str | None = None) -> dict[str, Any]:
    body = {"@type": "cr:RecordSet", "@id": name, "name": name, "description": about, "field": fields}
    return body | ({"key": {"@id": f"{name}/{key}"}} if key else {})


def _field(owner: str, name: str, kind: str, about: str, source: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"@type": "cr:Field", "@id": f"{owner}/{name}", "name": name, "description": about}
    return body | {"dataType": kind, "source": source} | more


def _photos() -> dict[str, Any]:
    def field(name: str, kind: str, about: str, path: str = "", **more: Any) -> dict[str, Any]:
        source = {"fileObject": {"@id": METADATA}, "extract": {"jsonPath": f"$.records[*].{path or name}"}}
        return _field("photos", name, kind, about, source, **more)

    fields = [field(name, "sc:Text", about) for name, about in _TEXTS]
    fields += [field(name, "sc:Integer", about) for name, about in _WHOLES]
    fields.append(field("colours", "sc:Text", "the largest share first", repeated=True))
    fields.append(field("path", "sc:Text", "place of the photo in the layout of loose files", "image.path"))
    fields += [field(name, "sc:Integer", "in pixels", f"image.{name}") for name in ("width", "height")]
    return _record_set("photos", "One record for each photo, without its pixels.", fields, "key")


def _predictions() -> dict[str, Any]:
    def field(name: str, kind: str, about: str) -> dict[str, Any]:
        return _field(
            "predictions", name, kind, about, {"fileObject": {"@id": PREDICTIONS}, "extract": {"column": name}}
        )

    return _record_set(
        "predictions",
        "The first choice of a model for a photo or a variant.",
        [
            field("key", "sc:Text", "of the photo"),
            field("variant", "sc:Integer", "0 is the photo itself"),
            field("model", "sc:Text", "who says so"),
            field("label", "sc:Text", "its first choice"),
            field("confidence", "sc:Float", "0 to 1"),
        ],
    )


def _images(files: str, name: str) -> dict[str, Any]:
    def field(field_name: str, kind: str, about: str, extract: str, regex: str = "") -> dict[str, Any]:
        source: dict[str, Any] = {"fileSet": {"@id": files}, "extract": {"fileProperty": extract}}
        if regex:
            source["transform"] = {"regex": regex}
        return _field(name, field_name, kind, about, source)

    return _record_set(
        name,
        "One record for each image file. `key` joins it with `photos`.",
        [
            field("key", "sc:Text", "of the photo", "filename", r"^([^.]+?)(?:-[0-9]{2,})?\..+$"),
            field(
                "name", "sc:Text", "the key, with the number of a variant behind a hyphen", "filename", r"^(.+)\..+$"
            ),
            field("image", "sc:ImageObject", "the picture", "content"),
        ],
    )


def _table() -> dict[str, Any]:
    def field(name: str, kind: str, about: str, **more: Any) -> dict[str, Any]:
        source = {"fileSet": {"@id": "tables"}, "extract": {"column": name}, **more}
        return _field("table", name, kind, about, source)

    return _record_set(
        "table",
        "One record for each photo and variant, with its pixels.",
        [
            field("key", "sc:Text", "of the photo; joins it with `photos`"),
            field("variant", "sc:Integer", "0 is the photo itself"),
            field("label_name", "sc:Text", "what a model shall learn"),
            field("image", "sc:ImageObject", "the picture", transform={"jsonPath": "bytes"}),
        ],
    )
