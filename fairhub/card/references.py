"""BibTeX of the methods and sources a card may cite."""

from collections.abc import Iterable

_HEALING = ("hassibi1993obs", "belrose2023leace")
"""What the closed-form refit rests on."""


def bibtex(papers: Iterable[str], healed: bool, version: str, year: str) -> str:
    """Return entries for these papers, for healing where it was used, and for fairhub itself.

    Args:
        papers: keys, each of which this file has.
        healed: whether the columns that stay were refitted.
        version: of fairhub, letters, digits, dots, plus and minus only.
        year: of the run, four digits.
    """
    keys = dict.fromkeys([*papers, *(_HEALING if healed else ())])
    own = (
        "@software{fairhub,\n"
        "  title   = {fairhub: repairing social bias in language models by pruning, with proof},\n"
        "  author  = {{The fairhub maintainers}},\n"
        f"  version = {{{version}}},\n"
        f"  year    = {{{year}}}\n"
        "}"
    )
    return "\n\n".join([*(_ENTRIES[key] for key in keys), own])


_ENTRIES = {
    "dasu2025attention": """@article{dasu2025attention,
  title   = {Attention Pruning: Automated Fairness Repair of Language Models via Surrogate Simulated Annealing},
  author  = {Dasu, Vishnu Asutosh and ur Rashid, Md Rafi and Gupta, Vipul and Tizpaz-Niari, Saeid and Tan, Gang},
  journal = {arXiv preprint arXiv:2503.15815},
  year    = {2025}
}""",
    "ma2025breaking": """@inproceedings{ma2025breaking,
  title     = {Breaking Down Bias: On The Limits of Generalizable Pruning Strategies},
  author    = {Ma, Sibo and Salinas, Alejandro and Henderson, Peter and Nyarko, Julian},
  booktitle = {Proceedings of the 2025 ACM Conference on Fairness, Accountability, and Transparency},
  pages     = {2437--2450},
  year      = {2025},
  note      = {arXiv:2502.07771}
}""",
    "martra2025optipfair": """@software{martra2025optipfair,
  title  = {OptiPFair: A Library for Structured Pruning of Large Language Models},
  author = {Martra, Pere},
  year   = {2025},
  url    = {https://github.com/peremartra/optipfair}
}""",
    "zayed2024fasp": """@inproceedings{zayed2024fasp,
  title     = {Fairness-Aware Structured Pruning in Transformers},
  author    = {Zayed, Abdelrahman and Mordido, Gon{\\c{c}}alo and Shabanian, Samira and Baldini, Ioana and Chandar,
               Sarath},
  booktitle = {Proceedings of the AAAI Conference on Artificial Intelligence},
  volume    = {38},
  number    = {20},
  pages     = {22484--22492},
  year      = {2024}
}""",
    "hassibi1993obs": """@inproceedings{hassibi1993obs,
  title     = {Optimal Brain Surgeon and General Network Pruning},
  author    = {Hassibi, Babak and Stork, David G. and Wolff, Gregory J.},
  booktitle = {IEEE International Conference on Neural Networks},
  pages     = {293--299},
  year      = {1993}
}""",
    "belrose2023leace": """@inproceedings{belrose2023leace,
  title     = {{LEACE}: Perfect linear concept erasure in closed form},
  author    = {Belrose, Nora and Schneider-Joseph, David and Ravfogel, Shauli and Cotterell, Ryan and Raff, Edward
               and Biderman, Stella},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2023}
}""",
    "smith2022holisticbias": """@inproceedings{smith2022holisticbias,
  title     = {``I'm sorry to hear that'': Finding New Biases in Language Models with a Holistic Descriptor Dataset},
  author    = {Smith, Eric Michael and Hall, Melissa and Kambadur, Melanie and Presani, Eleonora and Williams, Adina},
  booktitle = {Proceedings of the 2022 Conference on Empirical Methods in Natural Language Processing},
  year      = {2022}
}""",
    "nangia2020crows": """@inproceedings{nangia2020crows,
  title     = {{CrowS}-Pairs: A Challenge Dataset for Measuring Social Biases in Masked Language Models},
  author    = {Nangia, Nikita and Vania, Clara and Bhalerao, Rasika and Bowman, Samuel R.},
  booktitle = {Proceedings of the 2020 Conference on Empirical Methods in Natural Language Processing},
  year      = {2020}
}""",
    "merity2017pointer": """@inproceedings{merity2017pointer,
  title     = {Pointer Sentinel Mixture Models},
  author    = {Merity, Stephen and Xiong, Caiming and Bradbury, James and Socher, Richard},
  booktitle = {International Conference on Learning Representations},
  year      = {2017}
}""",
    "dhamala2021bold": """@inproceedings{dhamala2021bold,
  title     = {{BOLD}: Dataset and Metrics for Measuring Biases in Open-Ended Language Generation},
  author    = {Dhamala, Jwala and Sun, Tony and Kumar, Varun and Krishna, Satyapriya and Pruksachatkun, Yada and
               Chang, Kai-Wei and Gupta, Rahul},
  booktitle = {Proceedings of the 2021 ACM Conference on Fairness, Accountability, and Transparency},
  year      = {2021}
}""",
}
