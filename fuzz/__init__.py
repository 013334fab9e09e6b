"""The fuzzer: a program that holds a running portal against its own OpenAPI document.

===============  ====================================================================================
``__main__``     the command line: ``python -m fuzz``
``run``          plays the rounds: each operation alone, then along the document's links
``alone``        schemathesis' phases for single operations: examples, coverage, fuzzing
``links``        its state machine: send, login, register, refresh, with the tokens carried along
``proofs``       the tokens that calls are made with
``people``       who calls: people who sign in when a call needs somebody
``formats``      values of the formats that the document names
``findings``     what was called, what came of it, and what does not fit
``portals``      starts what is fuzzed
===============  ====================================================================================

The document promises, the portal has to keep it: what a schema allows must be taken, what it forbids refused, and
every answer must be one that is declared. Schemathesis (with Hypothesis) makes the calls and checks the answers.
"""
