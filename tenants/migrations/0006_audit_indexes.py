from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0005_accounts'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='auditrow',
            index=models.Index(fields=['tenant', 'verb', 'n'], name='audit_row_by_verb'),
        ),
        migrations.AddIndex(
            model_name='auditrow',
            index=models.Index(fields=['tenant', 'at'], name='audit_row_by_day'),
        ),
    ]
