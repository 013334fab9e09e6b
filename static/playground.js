// The playground: calls the operations of the OpenAPI document on the server that is chosen. What it learns (addresses,
// codes, tokens) stays in the variables of this page, for this server, until the page is left.
{
  const { make, pointed } = Playground;
  const root = document.querySelector('[data-play]');
  const find = (name) => root.querySelector(`[data-${name}]`);
  const words = Object.fromEntries(
    [...find('words').content.querySelectorAll('[data-word]')].map((word) => [word.dataset.word, word.textContent]),
  );
  const servers = root.querySelector('#play-server');
  const operations = root.querySelector('#play-operation');
  const sendButton = find('send');
  const view = Playground.view(root, words);

  const KEPT = ['email', 'phoneNumber', 'challengeId', 'code', 'accessToken', 'refreshToken', 'registrationToken'];
  const LEAVING = ['logout', 'logoutAll', 'deleteMe'];
  // What a page can show of an answer without standing still: characters, levels, and how long it waits.
  const [MOST, DEEPEST, PATIENCE_MS] = [100_000, 16, 60_000];
  let byId = {};
  let form;
  let known = {};
  let isBusy = false;
  let atServer = new AbortController();
  let atCall = new AbortController();

  const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });
  const server = () => servers.selectedOptions[0];
  const operation = () => byId[operations.value];

  // The address of this portal is the one this page came from, however it is named in the settings.
  const addressOf = (option) => {
    if (!('this' in option.dataset)) return option.value;
    return new URL(root.dataset.openapi, location.href).href.replace(/\/openapi\.json.*$/, '');
  };

  const isDangerous = () => server().dataset.kind === 'production' && operation().method !== 'GET';

  const warn = () => {
    const isLoud = isDangerous();
    find('warning').classList.toggle('is-loud', isLoud);
    if (isLoud) sendButton.setAttribute('aria-describedby', 'play-warning');
    else sendButton.removeAttribute('aria-describedby');
  };

  const pathOf = ({ method, path }, base = '') => [
    make('span', { class: `method is-${method.toLowerCase()}` }, method), make('code', {}, `${base}${path}`),
  ];

  const beginCall = () => {
    atCall.abort();
    atCall = new AbortController();
    view.clear();
  };

  const showOperation = () => {
    beginCall();
    find('path').replaceChildren(...pathOf(operation()));
    form.show(operation(), known);
    warn();
  };

  const forget = () => {
    atServer.abort();
    atServer = new AbortController();
    known = {};
    find('confirm').close();
    showOperation();
  };

  // To the call that follows, with what the last answer has for it. The person goes on at what is still to be filled in.
  const go = (id, values) => {
    known = { ...known, ...values };
    operations.value = id;
    showOperation();
    (form.firstEmpty() ?? sendButton).focus();
  };

  const valueOf = (expression, answer) => {
    const [, pointer] = String(expression).split('$response.body#');
    const value = pointer === undefined ? expression : pointed(answer.json, pointer);
    return typeof value === 'string' ? value : undefined;
  };

  const valuesOf = (link, answer) => Object.fromEntries(
    Object.entries({ ...link.parameters, ...link.requestBody })
      .map(([name, expression]) => [name, valueOf(expression, answer)])
      .filter(([, value]) => value !== undefined),
  );

  // A link leads on where the answer has something for it: a value of its body, or the token that it asks for.
  const nextOf = (called, answer) => Object.values(called.responses[answer.status]?.links ?? {})
    .filter((link) => byId[link.operationId])
    .map((link) => ({ link, operation: byId[link.operationId], values: valuesOf(link, answer) }))
    .filter(({ operation: next, values }) => {
      const schemes = (next.security ?? []).flatMap(Object.keys);
      return Object.keys(values).length || schemes.some((scheme) => answer.json?.data?.[scheme]);
    });

  const remember = (call, answer) => {
    if (!answer.ok) return;
    const data = answer.json?.data ?? {};
    if (call.body?.code) ['code', 'challengeId'].forEach((name) => delete known[name]);
    if (data.challengeId) delete known.code;
    if (data.accessToken) delete known.registrationToken;
    KEPT.forEach((name) => {
      const value = data[name] ?? (['email', 'phoneNumber'].includes(name) ? call.body?.[name] : undefined);
      if (typeof value === 'string') known[name] = value;
    });
    const sessions = Array.isArray(data.sessions) ? data.sessions.filter((one) => typeof one?.id === 'string') : [];
    const session = sessions.find((one) => !one.isCurrent) ?? sessions[0];
    if (session) known.session_id = session.id;
    if (LEAVING.includes(call.operation.operationId)) ['accessToken', 'refreshToken'].forEach((name) => delete known[name]);
  };

  const isDeep = (value, levels = DEEPEST) => levels === 0
    || Object.values(value).some((one) => one && typeof one === 'object' && isDeep(one, levels - 1));

  const parsed = (text) => {
    try {
      const value = JSON.parse(text);
      return isDeep([value]) ? undefined : value;
    } catch {
      return undefined;
    }
  };

  // The beginning of an answer; what is too long to be shown is not read either.
  const textOf = async ({ body }) => {
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (reader && text.length <= MOST) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += value;
    }
    reader?.cancel().catch(() => {});
    return text && `${text.slice(0, MOST)} …`;
  };

  const fetched = async (request) => {
    const start = performance.now();
    const response = await fetch(request.url, {
      method: request.operation.method,
      headers: request.headers,
      body: request.body && JSON.stringify(request.body),
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      signal: atServer.signal,
    });
    const text = await textOf(response);
    const { status, ok, headers } = response;
    const ms = Math.round(performance.now() - start);
    const reason = headers.get('X-Error-Code') ?? (ok ? request.operation.responses[status]?.description : undefined) ?? '';
    return { status, reason, ok, headers: [...headers], text, json: parsed(text), ms };
  };

  const letters = () => fetch(root.dataset.letters, { credentials: 'omit', cache: 'no-store' })
    .then((response) => response.json()).then((found) => found.letters, () => []);

  const showLetter = async (destination, seen, next) => {
    const { signal } = atCall;
    view.showWaiting();
    for (let second = 0; second <= 10; second += 1) {
      const fresh = (await letters()).filter((one) => one.to === destination && !seen.has(one.id));
      const letter = fresh.find((one) => one.code) ?? fresh[0];
      if (signal.aborted) return;
      if (letter) {
        view.showLetter(letter, next && ((code) => go(next.link.operationId, { ...next.values, code })));
        return;
      }
      await pause(1000);
      if (signal.aborted) return;
    }
    view.showLetter();
  };

  const sendsCode = (called) => Object.values(called.responses)
    .some((response) => Object.values(response.links ?? {}).some((link) => link.requestBody?.code));

  const perform = async (call) => {
    const body = call.body && { 'Content-Type': 'application/json' };
    const request = { ...call, url: `${addressOf(server())}${call.path}`, headers: { ...call.headers, ...body } };
    beginCall();
    view.say(words.sending);
    const [here, shown] = [atServer.signal, atCall.signal];
    const isWatched = root.dataset.letters && 'this' in server().dataset && sendsCode(call.operation);
    const seen = new Set(isWatched ? (await letters()).map((letter) => letter.id) : []);
    if (shown.aborted) return;
    view.showRequest(request);
    const answer = await Promise.race([fetched(request), pause(PATIENCE_MS)]).catch(() => undefined);
    // Another server was chosen meanwhile: it learns nothing of this one's answer.
    if (here.aborted) return;
    if (answer) remember(call, answer);
    // Another operation was chosen: the answer would stand below a call that it is not of.
    if (shown.aborted) return;
    if (!answer) {
      view.showFailure();
      return;
    }
    const next = nextOf(call.operation, answer);
    view.showAnswer(answer, next, go);
    const { email, phoneNumber } = answer.json?.data ?? {};
    if (isWatched && answer.ok) showLetter(email ?? phoneNumber, seen, next.find(({ link }) => link.requestBody?.code));
  };

  const confirmed = (call) => new Promise((done) => {
    const dialog = find('confirm');
    find('confirm-path').replaceChildren(...pathOf(call.operation, addressOf(server())));
    dialog.returnValue = '';
    dialog.addEventListener('close', () => done(dialog.returnValue === 'yes'), { once: true });
    dialog.showModal();
  });

  // Busy from the first click on: neither a second click nor one behind the dialog sends again.
  const send = async () => {
    if (isBusy) return;
    isBusy = true;
    try {
      const call = form.read();
      if (!call || (isDangerous() && !(await confirmed(call)))) return;
      sendButton.setAttribute('aria-busy', 'true');
      await perform(call);
    } finally {
      isBusy = false;
      sendButton.removeAttribute('aria-busy');
    }
  };

  const groupsOf = (openapi) => {
    const optionsOf = (tag) => Object.values(byId).filter((one) => one.tags[0] === tag)
      .map((one) => make('option', { value: one.operationId }, one.summary));
    return openapi.tags.map(({ name }) => make('optgroup', { label: name }, ...optionsOf(name)));
  };

  const start = (openapi) => {
    byId = Object.fromEntries(Object.entries(openapi.paths).flatMap(([path, item]) => Object.entries(item)
      .filter(([, one]) => one.operationId)
      .map(([method, one]) => [one.operationId, { ...one, path, method: method.toUpperCase() }])));
    operations.append(...groupsOf(openapi));
    operations.value = root.dataset.operation;
    form = Playground.form(openapi, find('fields'), words);
    showOperation();
    find('panel').hidden = false;
    servers.addEventListener('change', forget);
    operations.addEventListener('change', showOperation);
    find('form').addEventListener('submit', (event) => {
      event.preventDefault();
      send();
    });
    // The second half of a double click on "Send" is no answer to the question that came up below the pointer.
    find('confirm').addEventListener('click', (event) => {
      if (event.detail > 1) event.preventDefault();
    });
    // Browsers may keep a page they leave, to come back to it: it is kept empty.
    addEventListener('pagehide', forget);
  };

  fetch(root.dataset.openapi).then((response) => response.json()).then(start, view.showBroken);
}
