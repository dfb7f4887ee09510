import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0006_audit_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='max_background_seconds',
            field=models.PositiveIntegerField(
                default=10800,
                validators=[
                    django.core.validators.MinValueValidator(10),
                    django.core.validators.MaxValueValidator(86400),
                ],
            ),
        ),
    ]
