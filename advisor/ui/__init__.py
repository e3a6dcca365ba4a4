"""The answer live in a browser on this machine: a question in, the page's parts out.

`fields` lists every field of a question, `fields_from_signatures` those made from signatures; `form` draws
them, `form_to_question` reads them, `own_models_workloads_gpus` is what the user added. `answers` gives the
parts of the `page`, `server` serves it on a local port.
"""
