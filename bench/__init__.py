"""The benchmark: what a complete sign-in costs the portal, beside a program that does only the unavoidable.

===============  ====================================================================================
``__main__``     the command line: ``python -m bench``
``measure``      starts the servers of one database and runs the rounds over all of them in turn
``load``         the load generator: virtual users that sign in over HTTP
``sink``         the mail relay they read their codes from
``programs``     the two servers, portal and floor, under the same gunicorn settings
``floor``        the bare program; its SQL is in ``floor_store``
``users``        fills both schemas with any number of users
``cpu``          CPU time of processes
``report``       the table and the ratios
===============  ====================================================================================

It measures whole programs from outside: nothing here imports the portal.
"""
