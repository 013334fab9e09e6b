{
  const find = (selector) => document.querySelector(selector);

  const say = (text) => { find('[data-live]').textContent = text; };

  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;

  // Measured against a fixed end, because timers sleep in background tabs and on closed laptops.
  const countDown = (seconds, tick, done) => {
    const end = Date.now() + seconds * 1000;
    const step = () => {
      const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      tick(left);
      if (left) setTimeout(step, ((end - Date.now()) % 1000) + 10);
      else done();
    };
    step();
  };

  // Enter on top of the last digit must not send a form twice.
  const release = (form) => {
    delete form.dataset.sent;
    form.querySelector('[aria-busy]')?.removeAttribute('aria-busy');
  };
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = 'yes';
    form.querySelector('[type=submit]').setAttribute('aria-busy', 'true');
    // Whoever stops a slow load gets the button back. A download leaves the page as it is.
    setTimeout(release, 'download' in form.dataset ? 1500 : 10000, form);
  });

  // The answer to an app that wants it posted. The button stays for those without a script.
  find('[data-post-now]')?.requestSubmit();

  const code = find('[data-code]');
  const open = find('[data-open]');

  // A page kept in memory comes back as it was left: busy, with a spent code.
  addEventListener('pageshow', (event) => {
    if (!event.persisted) return;
    document.querySelectorAll('form').forEach(release);
    if (code) code.value = '';
  });

  // Every script writes its ten digits in one row, so the distance to the row's start is the value.
  const plain = (text) => text.replace(/\p{Nd}/gu, (digit) => {
    let steps = 0;
    while (/\p{Nd}/u.test(String.fromCodePoint(digit.codePointAt(0) - steps - 1))) steps += 1;
    return steps % 10;
  });
  const digits = (text) => plain(text).replace(/\D/g, '');

  if (code) {
    const length = Number(code.dataset.code);
    const button = code.form.querySelector('[type=submit]');
    const hint = find('[data-auto]');
    const slots = code.closest('.slots');

    // Said before anything is typed: a field that submits by itself must not surprise anybody.
    hint.hidden = false;
    code.setAttribute('aria-describedby', [code.getAttribute('aria-describedby'), hint.id].filter(Boolean).join(' '));

    const mark = () => slots?.style.setProperty('--at', Math.min(code.selectionStart, length - 1));
    slots?.classList.add('is-live');
    mark();
    document.addEventListener('selectionchange', mark);

    const settle = (mayGo) => {
      const value = digits(code.value).slice(0, length);
      if (value !== code.value) {
        const at = digits(code.value.slice(0, code.selectionStart)).length;
        code.value = value;
        code.setSelectionRange(at, at);
      }
      mark();
      if (mayGo && value.length === length) button.click();
    };
    // Without slots, what is typed stays as it is typed.
    if (slots) {
      code.addEventListener('input', (event) => {
        if (!event.isComposing) settle(!event.inputType?.startsWith('delete'));
      });
      code.addEventListener('compositionend', () => settle(true));
    }

    // Whole sentences get pasted too; maxlength would cut them before the code.
    const inside = new RegExp(`(?:^|\\D)(\\d(?:[\\s.\\u2010-\\u2015-]?\\d){${length - 1}})(?!\\d)`);
    code.addEventListener('paste', (event) => {
      const match = plain(event.clipboardData.getData('text')).match(inside);
      if (!match) return;
      event.preventDefault();
      // A long code is read in groups, as the letter has it.
      code.value = slots ? digits(match[1]) : digits(match[1]).replace(/\d{4}(?=\d)/g, '$& ');
      mark();
      button.click();
    });

    // A phone offers the code of the text message itself, if its last line is for this site (WebOTP).
    if ('textMessage' in code.dataset && 'OTPCredential' in window) {
      const waiting = new AbortController();
      code.form.addEventListener('submit', () => waiting.abort());
      navigator.credentials.get({ otp: { transport: ['sms'] }, signal: waiting.signal }).then((message) => {
        if (code.form.dataset.sent) return;
        code.value = digits(message.code);
        mark();
        button.click();
      }).catch(() => {});
    }
  }

  // Once the letter's link was confirmed in another browser, this page goes on. It asks less and less often, and at
  // once when it is looked at again.
  const waiting = find('[data-waiting]');
  const state = ({ elements, dataset }) => {
    const address = new URL(dataset.state, location);
    address.searchParams.set('challenge', elements.challenge.value);
    return address;
  };
  if (waiting) {
    let pause = 3000;
    let timer;
    const ask = async () => {
      if (document.hidden || open?.hidden) return;
      const busy = waiting.dataset.sent;
      const answer = busy ? null : await fetch(state(waiting)).then((response) => response.json()).catch(() => null);
      clearTimeout(timer);
      if (answer?.approved && !waiting.dataset.sent) {
        say(waiting.dataset.waiting);
        if (code) code.value = '';
        waiting.requestSubmit();
      } else {
        timer = setTimeout(ask, pause);
        pause = Math.min(pause * 1.2, 10000);
      }
    };
    timer = setTimeout(ask, pause);
    document.addEventListener('visibilitychange', () => {
      pause = 3000;
      ask();
    });
  }

  const expiry = find('[data-expires-in]');
  if (expiry) {
    const { expiresIn, text, saySoon, sayOver } = expiry.dataset;
    countDown(Number(expiresIn), (left) => {
      expiry.textContent = text.replace('{time}', clock(left));
      if (left === 60) say(saySoon);
    }, () => {
      if (code.form.dataset.sent) return;
      const over = find('[data-over]');
      const hadFocus = open.contains(document.activeElement);
      open.hidden = true;
      over.hidden = false;
      if (hadFocus) over.querySelector('[type=submit]').focus();
      say(sayOver);
    });
  }

  document.querySelectorAll('[data-resend-in]').forEach((again) => {
    const wait = Number(again.dataset.resendIn);
    if (!wait) return;
    const label = again.textContent;
    again.disabled = true;
    countDown(wait, (left) => {
      again.textContent = again.dataset.text.replace('{time}', clock(left));
    }, () => {
      again.textContent = label;
      again.disabled = false;
      if (again.autofocus && document.activeElement === document.body) again.focus();
      say(again.dataset.say);
    });
  });

  // Once the code did its work in another tab, this page only leads on. The pages that follow tell.
  const tabs = new BroadcastChannel('portal');
  if (code) {
    tabs.onmessage = async () => {
      if (code.form.dataset.sent) return;
      const answer = await fetch(state(code.form)).then((response) => response.json()).catch(() => null);
      if (answer?.done) location.replace(code.form.dataset.here);
    };
  } else if (find('[data-follows]')) {
    tabs.postMessage('followed');
  }

  const email = find('[data-email]');
  if (email) {
    const common = ['gmail.com', 'hotmail.com', 'outlook.com', 'yahoo.com', 'icloud.com', 'yandex.com', 'protonmail.com'];
    const fine = ['mail.com', 'ymail.com', ...common];
    const line = find('[data-typo]');
    const fix = find('[data-typo-fix]');

    // One letter missing, extra or wrong, or two neighbours swapped.
    const near = (a, b) => {
      let i = 0;
      while (i < a.length && a[i] === b[i]) i += 1;
      const [x, y] = [a.slice(i), b.slice(i)];
      return x.slice(1) === y || x === y.slice(1) || x.slice(1) === y.slice(1)
        || `${x[1]}${x[0]}${x.slice(2)}` === y;
    };

    const check = () => {
      // The line moves the button. Under a pointer that is about to press it, that would lose the click.
      if (document.activeElement !== email) return;
      const at = email.value.lastIndexOf('@');
      const domain = email.value.slice(at + 1).trim().toLowerCase();
      const looksWhole = at > 0 && /\.\w{2,}$/.test(domain) && !fine.includes(domain);
      // "gmail.co" may be "gmail.com" in the making.
      const meant = looksWhole && common.find((name) => near(domain, name) && !name.startsWith(domain));
      line.hidden = !meant;
      if (meant) fix.textContent = email.value.slice(0, at + 1) + meant;
    };
    let pause;
    email.addEventListener('input', () => {
      clearTimeout(pause);
      pause = setTimeout(check, 400);
    });
    fix.addEventListener('click', () => {
      email.value = fix.textContent;
      line.hidden = true;
      email.focus();
    });
  }
}
