"""Data sets as files: the same records always give the same bytes. `drawn` makes catalogues without the shop.

The one who knows the shop makes a `records.Record` for each photo and says where its bytes are; what is here turns
records into files, piece by piece, and holds no more than a few photos at a time.

    key = record_key(listing="listing-17", photo_sha256=digest)
    image = ImageFile(path=layout.image_path(key), sha256=…, bytes=…, width=…, height=…)
    record = Record(key=key, listing="listing-17", photo_sha256=digest, seller="s-9c01…", title=…, image=image, …)
    record.facts()                      # plain values for a JSON column; Record.from_facts() takes them back

What every writer relies on:

- Records come in ascending order of `key`, each key once. Whoever gives them in another order is told so.
- A `Dataset` (`dataset.Dataset(description, records)`) is what is said about a data set, and a function that starts a
  new iteration over its records each time it is called. Several passes are made; none keeps the records.
- An `Opener` (`opening.Opener`) is a function from `ImageFile` to an open binary file. Size and SHA-256 are checked
  while the bytes pass; a photo that is gone or has changed raises `PhotoGone` with its path.
- Writers yield `bytes`, in order, to be sent to a file, a bucket or a browser. Nothing is written by themselves.

What there is:

- `canonical`: `canonical_json(value)`; `content_hash(request=…, rows=…, …)` names a snapshot.
- `splits`: `SplitPlan(by="seller" | "time" | "hash", …).assign(rows)` gives each listing its side.
- `layout`: where files lie; `libraries()` whose versions decide bytes; `FORMAT_VERSION`.
- `dataset`: `Description`, `Dataset`, `Summary` (counts by split and label, in one pass).
- `shards`: `plan_shards(records, labels)` → `Piece`s; `shard_bytes(records_of_the_piece, open_image, labels)`.
- `parquet`: `plan_parts(records)` → `Piece`s; `part_bytes(records_of_the_piece, open_image, labels)`.
  A `Piece` says its path, split, first and last key and count: each can be written alone, by any process, again after
  a crash, and comes out the same. `labels` are always `Summary.labels` of the whole data set.
- `folders`: `folder_files(records, labels)` → (path, `ImageFile`) in an image folder.
- `closing`: `closing_files(dataset, kind, files)` → `Watched` files: everything that is not a photo or a piece, as
  `metadata.json`, `predictions.jsonl`, `croissant.json`, `README.md`, and `manifest.json` at last.
- `written`: `Watched(path, chunks)` counts what passes; its `facts` (SHA-256, CRC-32, size) are there afterwards.
- `archive`: `ZipStream(entries)`, `TarStream(entries)`: one download, never held, size known before, any range.
  `archive_plan`: what one walk over the files finds out; kept, it spares every download that walk.

`tests/core/datasets/made.py` has a whole export in forty lines.
"""
