// How the playground shows a request, its answer, and the letter that a call had sent.
{
  const { make } = Playground;
  const TOKENS = new Set(['accessToken', 'refreshToken', 'registrationToken']);
  const LONG = 50_000;
  const PART = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g;

  const short = (token) => (token.length > 16 ? `${token.slice(0, 10)}…${token.slice(-4)}` : token);

  const kindOf = ([, , colon, word, number]) => {
    if (colon) return 'c-nt';
    if (word) return 'c-kc';
    return number ? 'c-mi' : 'c-s2';
  };

  // JSON in colours, piece by piece. Long ones have too many pieces.
  const coloured = (text) => {
    if (text.length > LONG) return [text];
    const pieces = [];
    let end = 0;
    for (const match of text.matchAll(PART)) {
      const piece = match[1] ?? match[0];
      pieces.push(text.slice(end, match.index), make('span', { class: kindOf(match) }, piece));
      end = match.index + piece.length;
    }
    return [...pieces, text.slice(end)];
  };

  const block = (pieces, kind = '') => make('pre', { class: `code ${kind}`.trim(), tabindex: '0', dir: kind ? 'auto' : 'ltr' }, make('code', {}, ...pieces));

  const pretty = (value, replacer) => JSON.stringify(value, replacer, 2);

  // Tokens are shortened where they are shown as sent: whoever needs one has it whole in the answer that brought it.
  const sentText = (request) => {
    const lines = Object.entries(request.headers).map(([name, value]) => (
      `${name}: ${name === 'Authorization' ? `Bearer ${short(value.slice(7))}` : value}`
    ));
    const body = request.body && pretty(request.body, (name, value) => (TOKENS.has(name) ? short(String(value)) : value));
    return { head: [`${request.operation.method} ${request.url}`, ...lines].join('\n'), body };
  };

  Playground.view = (root, words) => {
    const find = (name) => root.querySelector(`[data-${name}]`);
    const [requestPlace, answerPlace, mailPlace] = ['request', 'answer', 'mail'].map(find);
    const copied = (pre) => (navigator.clipboard ? globalThis.docsWithCopy(pre) : pre);
    const say = (text) => { find('live').textContent = text; };
    const fill = (text, values) => text.replace(/{(\w+)}/g, (_sign, name) => values[name]);

    const clear = () => [requestPlace, answerPlace, mailPlace, find('live')].forEach((place) => place.replaceChildren());

    const bad = (text) => {
      const icon = root.querySelector('[data-warning] .icon').cloneNode(true);
      return make('p', { class: 'notice is-bad', role: 'alert' }, icon, make('span', {}, text));
    };

    const showRequest = (request) => {
      const { head, body } = sentText(request);
      requestPlace.replaceChildren(make('h3', {}, words.request), block(body ? [`${head}\n\n`, ...coloured(body)] : [head]));
    };

    const showFailure = () => answerPlace.replaceChildren(make('h3', {}, words.answer), bad(words.unreachable));

    const headersOf = (headers) => {
      const lines = headers.map(([name, value]) => `${name}: ${value}`).join('\n');
      return make('details', {}, make('summary', {}, words.answer_headers), block([lines]));
    };

    const buttons = (next, go) => next.map(({ operation, values }) => {
      const button = make('button', { type: 'button', class: 'button is-plain' }, fill(words.next, { call: operation.summary }));
      button.addEventListener('click', () => go(operation.operationId, values));
      return button;
    });

    const showAnswer = (answer, next, go) => {
      const status = `${answer.status} ${answer.reason}`;
      const took = fill(words.took, { ms: answer.ms });
      const line = make('p', { class: `play-status${answer.ok ? '' : ' is-bad'}` }, make('b', {}, status), make('span', { class: 'hint' }, took));
      const body = answer.json === undefined ? [answer.text] : coloured(pretty(answer.json));
      answerPlace.replaceChildren(make('h3', {}, words.answer), line, copied(block(body)), headersOf(answer.headers));
      if (next.length) answerPlace.append(make('p', { class: 'play-next' }, ...buttons(next, go)));
      say(`${words.answer}: ${status}, ${took}`);
    };

    const showWaiting = () => mailPlace.replaceChildren(make('h3', {}, words.mail), make('p', { class: 'hint' }, words.waiting));

    const showLetter = (letter, use) => {
      const title = letter?.channel === 'sms' ? words.sms : words.mail;
      if (!letter) {
        mailPlace.replaceChildren(make('h3', {}, title), make('p', { class: 'hint' }, words.no_mail));
        say(words.no_mail);
        return;
      }
      const to = make('p', { class: 'hint' }, make('bdi', {}, fill(words.to, { to: letter.to })));
      mailPlace.replaceChildren(make('h3', {}, title), make('div', {}, letter.subject && make('p', {}, make('bdi', {}, make('b', {}, letter.subject))), to), block([letter.text], 'is-letter'));
      say(`${title}: ${letter.subject || letter.text}`);
      if (!letter.code || !use) return;
      const button = make('button', { type: 'button', class: 'button' }, words.use_code);
      button.addEventListener('click', () => use(letter.code));
      mailPlace.append(make('p', { class: 'play-next' }, button));
    };

    const showBroken = () => root.append(bad(words.no_document));

    return { clear, say, showRequest, showFailure, showAnswer, showWaiting, showLetter, showBroken };
  };
}
