{
  // Every block of code can be copied. The playground makes new ones, so the buttons are followed at the document.
  const main = document.querySelector('#main');

  const copyButton = () => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.setAttribute('aria-live', 'polite');
    button.textContent = main.dataset.copy;
    return button;
  };

  // The block's box, which is new where the block stands in the page already.
  const withCopy = (block) => {
    const box = document.createElement('div');
    box.className = 'code-box';
    block.replaceWith(box);
    box.append(block, copyButton());
    return box;
  };
  globalThis.docsWithCopy = withCopy;

  const say = (button, text) => {
    button.textContent = text;
    button.toggleAttribute('data-done', text !== main.dataset.copy);
  };

  if (navigator.clipboard) {
    document.querySelectorAll('pre.code').forEach(withCopy);
    document.addEventListener('click', async (event) => {
      const button = event.target.closest('.copy');
      if (!button) return;
      const copied = await navigator.clipboard.writeText(button.previousSibling.textContent).then(() => true, () => false);
      if (!copied) return;
      say(button, main.dataset.copied);
      setTimeout(say, 2000, button, main.dataset.copy);
    });
  }

  // One key leads to the search, unless it is being typed somewhere.
  const search = document.querySelector('[data-search]');
  document.querySelector('[data-key]').hidden = false;
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest('input, select, textarea, dialog, [contenteditable]')) return;
    event.preventDefault();
    search.focus();
    search.select();
  });

  // Beside the text the contents are always shown, by the style sheet. Said so too, also to browsers that cannot do it.
  const menu = document.querySelector('[data-menu]');
  const wide = matchMedia('(min-width: 64rem)');
  const follow = () => { menu.open = wide.matches; };
  if (wide.matches) follow();
  wide.addEventListener('change', follow);
  const current = menu.querySelector('[aria-current]');
  const nav = menu.parentElement;
  if (current && nav.scrollHeight > nav.clientHeight) {
    nav.scrollTop = current.offsetTop - nav.clientHeight / 2;
  }
}
