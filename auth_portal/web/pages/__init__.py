"""The pages for people. Complete without JavaScript; each form posts, each success redirects with 303."""
