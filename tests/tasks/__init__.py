"""Django's task framework on our table: django.tasks, or django_tasks before Django 6.0."""
