import django.db.models.deletion
from django.db import migrations, models

# Archives hold files in the order of code points. SQLite's index of the unique paths has it; PostgreSQL's has that of
# the database's language.
INDEX = 'CREATE INDEX dataset_files_by_code_point ON datasets_snapshotfile (snapshot_id, path COLLATE "C")'
BACK = "DROP INDEX dataset_files_by_code_point"


def index_by_code_point(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(INDEX)


def forget_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(BACK)


class Migration(migrations.Migration):
    dependencies = [("datasets", "0001_what_was_asked_for_and_what_came_of_it")]

    operations = [
        migrations.CreateModel(
            name="SnapshotArchive",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("archive", models.CharField(max_length=3, verbose_name="zip or tar")),
                ("plan", models.JSONField(verbose_name="what `ArchivePlan.as_json` returns")),
                (
                    "snapshot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="archives", to="datasets.snapshot"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("snapshot", "archive"), name="a_snapshot_has_each_archive_once")
                ],
            },
        ),
        migrations.RunPython(index_by_code_point, forget_index),
    ]
