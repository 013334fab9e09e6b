"""The attacks: a program that plays attackers against running portals and holds what they got against the bounds.

===============  ====================================================================================
``__main__``     the command line: ``python -m attack``
``run``          plays the scenarios, two at a time
``scenarios``    the attacks, a module for each
``people``       who plays: attackers, who guess, and owners, who want to sign in
``client``       HTTP, and the two doors as somebody outside uses them
``letters``      the relay that the codes are read from
``looks``        what an answer tells, but for ids and times
``samples``      whether two samples of durations differ
``portals``      starts what is attacked
``databases``    the databases that they run on
``clock``        the time that is moved
``served``       what runs inside the portal's processes
``report``       the table
===============  ====================================================================================

The attacks go through HTTP, as anybody's would. A portal is the real one, under gunicorn in its production
environment; its code is not changed. Only its clock is another, and it is told when a guess is evaluated.
"""
