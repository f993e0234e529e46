"""Exports of WooCommerce, whose headers are in the language of the shop."""

import pytest
from tests.unit.catalog.tables import FIELDS, FILES, of, place, products, read, survey

from catalog.domain.imports import woocommerce
from catalog.domain.imports.reading import Draft
from catalog.domain.products import Status


def test_woocommerce_in_german() -> None:
    """The parent is no product; its variations are. `'` before + and - is taken off. -1 is a draft, 0 is private."""
    assert of("woocommerce_de.csv", *FIELDS, currency="EUR") == [
        ("Polohemd - S", "POLO-S", 124950, Status.ACTIVE, "4006381333931"),
        ("Polohemd - M", "POLO-M", 1999, Status.ACTIVE, None),
        ("+Größe Zubehör", "-A1", 700, Status.DRAFT, None),
        ("Abo „Röstung“", "ABO", 990, Status.INACTIVE, None),
    ]


def test_woocommerce_in_an_unknown_language() -> None:
    """The types are not translated and the order of columns is fixed, so they are found by their places."""
    assert of("woocommerce_sv.csv", *FIELDS, currency="SEK") == [
        ("Emaljkopp", "KOPP-1", 12900, Status.ACTIVE, None),
        ("Stor emaljkopp", "KOPP-2", 114950, Status.DRAFT, None),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "ID,Type,UGS,Nom,Publié,Tarif promo,Tarif régulier,Catégories",
        "ID,Tipo,SKU,Nombre,Publicado,Precio rebajado,Precio normal,Categorías",
        "ID,Tipo,COD,Nome,Pubblicato,Prezzo in offerta,Prezzo di listino,Categorie",
        "ID,Type,Artikelnummer,Naam,Gepubliceerd,Actieprijs,Reguliere prijs,Categorieën",
        "ID,Tipo,SKU,Nome,Publicado,Preço promocional,Preço,Categorias",
        "ID,Type,SKU,Name,Published,Sale price,Regular price,Categories",
    ],
)
def test_woocommerce_in_known_languages(header: str) -> None:
    assert products(f'{header}\n1,simple,A1,Tasse,1,,"3,50",Haus\n', currency="EUR") == [
        {"sku": "A1", "name": "Tasse", "status": Status.ACTIVE, "price": 350, "categories": ("Haus",)}
    ]


def test_categories_of_woocommerce() -> None:
    """Of a path the last name counts, as Clover's categories are not nested. Variations have those of their parent."""
    header = "ID,Type,SKU,Name,Published,Regular price,Categories,Tags,Parent\n"
    rows = (
        '1,variable,TEE,Tee,1,,"Clothing, Clothing > Tops, Men > tops","new, on sale",\n'
        "2,variation,TEE-S,Tee,1,5,,,TEE\n"
        '3,simple,CUP,Cup,1,5,"Home > Cups\\, large",,\n'
    )
    found = [each.values for each in read(header + rows) if isinstance(each, Draft)]
    assert [(each.get("categories"), each.get("tags")) for each in found] == [
        (("Clothing", "Tops"), ("new", "on sale")),
        (("Cups, large",), None),
    ]


def test_a_sale_price_of_woocommerce_is_asked_for() -> None:
    header = "ID,Type,SKU,Name,Published,Sale price,Regular price,Categories"
    [question] = survey(f"{header}\n1,simple,A,Mug,1,2.50,3.50,\n".encode()).questions

    assert question.options == ("Regular price", "Sale price")


def test_variations_of_woocommerce_are_variants_of_their_parent() -> None:
    """The attributes are the options, and the parent's SKU is the group."""
    found = read((FILES / "woocommerce_de.csv").read_bytes(), currency="EUR")
    assert [place(each) for each in found if isinstance(each, Draft)] == [
        ("POLO", "Polohemd", {"Größe": "S"}),
        ("POLO", "Polohemd", {"Größe": "M"}),
        None,
        None,
    ]


def test_variations_of_woocommerce_stand_anywhere_after_their_parent() -> None:
    """The rows are sorted by id: other parents stand in between. A parent without a SKU is named by its id."""
    header = "ID,Type,SKU,Name,Published,Regular price,Categories,Parent,Attribute 1 name,Attribute 1 value(s)\n"
    rows = (
        '44,variable,TEE,Tee,1,,Tops,,Size,"S, M"\n45,variable,,Cap,1,,Hats,,Size,L\n46,simple,CUP,Cup,1,5,Home,,,\n'
        "47,variation,TEE-S,Tee - S,1,5,,TEE,Size,S\n48,variation,CAP-L,Cap - L,1,5,,id:45,Size,L\n"
        "49,variation,TEE-M,Tee - M,1,5,,TEE,Size,M\n50,variation,LOST,Lost,1,5,,,Size,M\n"
    )
    found = [each for each in read(header + rows) if isinstance(each, Draft)]
    assert [(each.values.get("categories"), place(each)) for each in found] == [
        (("Home",), None),
        (("Tops",), ("TEE", "Tee", {"Size": "S"})),
        (("Hats",), ("id:45", "Cap", {"Size": "L"})),
        (("Tops",), ("TEE", "Tee", {"Size": "M"})),
        (None, None),
    ]


def test_woocommerce_in_french() -> None:
    """A variation of a private product is hidden, `'-1` is a draft as well, and a comma in an attribute is one."""
    assert of("woocommerce_fr.csv", *FIELDS, currency="EUR") == [
        ("Tasse", "TASSE", 1250, Status.DRAFT, "4006381333931"),
        ("Bol & soucoupe - Petit, bas, Bleu", "BOL-P", 123450, Status.INACTIVE, None),
        ("Bol & soucoupe - Grand, Bleu", "BOL-G", 1999, Status.INACTIVE, None),
    ]
    found = read((FILES / "woocommerce_fr.csv").read_bytes(), currency="EUR")
    assert [place(each) for each in found if isinstance(each, Draft)] == [
        None,
        ("BOL", "Bol & soucoupe", {"Taille": "Petit, bas", "Couleur": "Bleu"}),
        ("BOL", "Bol & soucoupe", {"Taille": "Grand", "Couleur": "Bleu"}),
    ]


def test_woocommerce_in_spanish() -> None:
    """A parent without a SKU is named by its id. A download has columns with a number as well."""
    assert of("woocommerce_es.csv", *FIELDS, "tags", currency="EUR") == [
        ("Camiseta - S", "CAM-S", 1999, Status.ACTIVE, None, ("algodón",)),
        ("Camiseta - M", "CAM-M", 2100, Status.INACTIVE, None, ("algodón",)),
        ("Patrón", "PATRON", 700, Status.DRAFT, None, None),
    ]
    found = read((FILES / "woocommerce_es.csv").read_bytes(), currency="EUR")
    assert [place(each) for each in found if isinstance(each, Draft)] == [
        ("id:70", "Camiseta", {"Talla": "S"}),
        ("id:70", "Camiseta", {"Talla": "M"}),
        None,
    ]


@pytest.mark.parametrize(
    ("header", "places"),
    [
        ("Attribute 1 name,Attribute 1 value(s),Attribute 1 visible,Attribute 1 global", (1,)),
        ("Attribut 1 Name,Attribut 1 Wert(e),Attribut 1 Sichtbar,Attribut 1 Global,Attribut 1 Standard", (1,)),
        ("Nom de l’attribut 1,Valeur(s) de l’attribut 1 ,Attribut 1 visible,Attribut 1 global", (1,)),
        ("Nombre del atributo 1,Valor(es) del atributo 1,Atributo visible 1,Atributo global 1", (1,)),
        ("Namn 1,Värden 1,Synlig 1,Global 1,Namn 2,Värden 2,Synlig 2,Global 2,Förval 2", (1, 5)),
        ("ID 1,Namn 1,URL 1,Attribut 1,Värden 1,Synlig 1,Global 1", (4,)),
        ("ID 1,Namn 1,URL 1,Pris", ()),
    ],
)
def test_the_values_of_attributes(header: str, places: tuple[int, ...]) -> None:
    """They are known by a word, or in any language by their place among the columns of one number."""
    assert woocommerce.options(header.split(",")) == places


@pytest.mark.parametrize("kind", ["bundle", "variable-subscription", "subscription_variation, virtual"])
def test_types_of_plugins(kind: str) -> None:
    """They do not keep a file in an unknown language from being recognised."""
    header = "ID,Typ,Artikelnr,Benämning,Publicerad\n"
    [product] = products(f"{header}1,simple,A,Kopp,1\n").copy()
    found = read(f"{header}1,simple,A,Kopp,1\n2,{kind},B,Fat,1\n")
    assert product == {"sku": "A", "name": "Kopp", "status": Status.ACTIVE}
    assert found[0] == Draft(2, product)
