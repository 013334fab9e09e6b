"""The gallery: every page and letter of the portal in a state that has a name, in a real browser at a real portal.

===============  ====================================================================================
``__main__``     the command line: ``python -m gallery``, which writes the pictures
``stage``        starts the portals whose pages are shown, with a mailbox of their own and two apps
``person``       somebody at a browser window: their language, their letters, the steps of a sign-in
``walks``        the ways through the pages; each yields what is shown, in the order of a visit
``pictures``     takes a picture of what is shown
===============  ====================================================================================

A state is shown in one language after another without the way to it being walked again: the page is loaded anew in
the next one (what a form answered is posted again), or the step before it is taken again. The pictures and the tests
of the pages (``tests/test_browser_gallery.py``) walk the same ways.
"""
