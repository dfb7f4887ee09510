from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0003_webhooks'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='armed_tripwires',
            field=models.PositiveIntegerField(default=0),
        ),
    ]
